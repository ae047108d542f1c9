// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.ui.AbstractLaunchConfigurationTab;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.layout.GridData;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Group;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Link;
import org.eclipse.swt.widgets.Spinner;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.dialogs.PreferencesUtil;
import org.snapback.debug.CdtOptIn;
import org.snapback.debug.DebugPreferences;
import org.snapback.debug.LaunchAttributes;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;

/**
 * Checkpoint control of a launch: for our own launch types and, without depending on it, for those of CDT.
 *
 * <p>What equals the preferences is not written down, and so goes on to follow them.
 */
public final class SnapbackTab extends AbstractLaunchConfigurationTab {

    private static final String PREFERENCES = "org.snapback.ui.preferences";

    private Button enabled;
    private Label explanation;
    private Group stops;
    private Button auto;
    private Spinner cap;
    private Button rewindFiles;
    private Composite gdbRow;
    private Text gdb;

    @Override
    public void createControl(Composite parent) {
        Composite page = new Composite(parent, SWT.NONE);
        GridLayoutFactory.swtDefaults().spacing(5, 10).applyTo(page);
        enabled = check(page, Messages.tabEnabled);
        explanation = new Label(page, SWT.WRAP);
        GridDataFactory.fillDefaults().grab(true, false).hint(300, SWT.DEFAULT).applyTo(explanation);
        createStops(page);
        rewindFiles = check(page, Messages.tabRewindFiles);
        createGdb(page);
        Link preferences = new Link(page, SWT.NONE);
        preferences.setText(Messages.tabPreferences);
        preferences.addListener(SWT.Selection, event -> PreferencesUtil.createPreferenceDialogOn(
                        getShell(), PREFERENCES, null, null)
                .open());
        setControl(page);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(page, "org.snapback.ui.launch_snapback");
    }

    private void createStops(Composite page) {
        stops = new Group(page, SWT.NONE);
        stops.setText(Messages.tabStops);
        GridLayoutFactory.swtDefaults().numColumns(2).applyTo(stops);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(stops);
        auto = check(stops, Messages.tabAuto);
        GridDataFactory.fillDefaults().span(2, 1).applyTo(auto);
        new Label(stops, SWT.NONE).setText(Messages.tabAutoCap);
        cap = new Spinner(stops, SWT.BORDER);
        cap.setMinimum(1);
        cap.setMaximum(DebugPreferences.AUTO_CAP_MAX);
        cap.addListener(SWT.Modify, event -> updateLaunchConfigurationDialog());
    }

    private void createGdb(Composite page) {
        gdbRow = new Composite(page, SWT.NONE);
        GridLayoutFactory.fillDefaults().applyTo(gdbRow);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(gdbRow);
        new Label(gdbRow, SWT.NONE).setText(Messages.tabGdb);
        gdb = new Text(gdbRow, SWT.BORDER);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(gdb);
        gdb.addListener(SWT.Modify, event -> updateLaunchConfigurationDialog());
    }

    private Button check(Composite parent, String label) {
        Button button = new Button(parent, SWT.CHECK);
        button.setText(label);
        button.addListener(SWT.Selection, event -> {
            enableWhatMatters();
            updateLaunchConfigurationDialog();
        });
        return button;
    }

    @Override
    public void setDefaults(ILaunchConfigurationWorkingCopy configuration) {
        // all as in the preferences
    }

    @Override
    public void initializeFrom(ILaunchConfiguration configuration) {
        try {
            enabled.setSelection(configuration.getAttribute(LaunchAttributes.ENABLED, false));
            auto.setSelection(configuration.getAttribute(LaunchAttributes.AUTO, DebugPreferences.auto()));
            cap.setSelection(configuration.getAttribute(LaunchAttributes.AUTO_CAP, DebugPreferences.autoCap()));
            rewindFiles.setSelection(configuration.getAttribute(LaunchAttributes.REWIND_FILES, false));
            gdb.setText(configuration.getAttribute(LaunchAttributes.GDB, ""));
            showWhatMatters(configuration.getType().getIdentifier());
        } catch (CoreException e) {
            setErrorMessage(e.getStatus().getMessage());
        }
    }

    private void showWhatMatters(String type) {
        boolean program = type.equals(LaunchAttributes.PROGRAM_TYPE);
        boolean ours =
                program || type.equals(LaunchAttributes.GDB_TYPE) || type.equals(LaunchAttributes.IMAGE_TYPE);
        String refusal = ours ? null : CdtOptIn.refusal(type).orElse(null);
        explanation.setText(ours ? Messages.tabAlways : refusal == null ? "" : refusal);
        show(enabled, !ours && refusal == null);
        show(explanation, ours || refusal != null);
        show(stops, !program && refusal == null);
        show(rewindFiles, refusal == null);
        show(gdbRow, !program && refusal == null);
        enableWhatMatters();
        ((Composite) getControl()).layout(true, true);
    }

    private static void show(Control control, boolean visible) {
        control.setVisible(visible);
        if (!(control.getLayoutData() instanceof GridData)) {
            GridDataFactory.fillDefaults().applyTo(control);
        }
        ((GridData) control.getLayoutData()).exclude = !visible;
    }

    private void enableWhatMatters() {
        boolean controlled = !enabled.getVisible() || enabled.getSelection();
        auto.setEnabled(controlled);
        cap.setEnabled(controlled && auto.getSelection());
        rewindFiles.setEnabled(controlled);
        gdb.setEnabled(controlled);
    }

    @Override
    public void performApply(ILaunchConfigurationWorkingCopy configuration) {
        configuration.setAttribute(LaunchAttributes.ENABLED, enabled.getSelection() ? Boolean.TRUE : null);
        configuration.setAttribute(
                LaunchAttributes.AUTO, auto.getSelection() == DebugPreferences.auto() ? null : auto.getSelection());
        configuration.setAttribute(
                LaunchAttributes.AUTO_CAP, cap.getSelection() == DebugPreferences.autoCap() ? null : cap.getSelection());
        configuration.setAttribute(LaunchAttributes.REWIND_FILES, rewindFiles.getSelection() ? Boolean.TRUE : null);
        String chosen = gdb.getText().trim();
        configuration.setAttribute(LaunchAttributes.GDB, chosen.isEmpty() ? null : chosen);
    }

    @Override
    public String getName() {
        return Messages.tabName;
    }

    @Override
    public Image getImage() {
        return Images.SNAPSHOT.image();
    }

    @Override
    public String getId() {
        return "org.snapback.ui.launch.snapback";
    }
}
