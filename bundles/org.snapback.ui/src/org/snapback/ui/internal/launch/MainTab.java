// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.variables.VariablesPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.ui.AbstractLaunchConfigurationTab;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.debug.ui.IDebugUIConstants;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.ui.PlatformUI;
import org.snapback.debug.LaunchAttributes;
import org.snapback.ui.internal.Messages;

/** The program of a launch configuration and the folder it runs in. */
public final class MainTab extends AbstractLaunchConfigurationTab {

    /** Only gdb can do without a program. */
    private final boolean programRequired;

    private PathRow program;
    private PathRow folder;

    MainTab(boolean programRequired) {
        this.programRequired = programRequired;
    }

    @Override
    public void createControl(Composite parent) {
        Composite page = new Composite(parent, SWT.NONE);
        GridLayoutFactory.swtDefaults().applyTo(page);
        program = PathRow.file(page, Messages.mainProgram, Messages.mainProgramTitle, this::updateLaunchConfigurationDialog);
        folder = PathRow.folder(page, Messages.mainFolder, Messages.mainFolderTitle, this::updateLaunchConfigurationDialog);
        setControl(page);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(page, "org.snapback.ui.launch_main");
    }

    @Override
    public void setDefaults(ILaunchConfigurationWorkingCopy configuration) {
        configuration.setAttribute(LaunchAttributes.PROGRAM, "");
    }

    @Override
    public void initializeFrom(ILaunchConfiguration configuration) {
        try {
            program.set(configuration.getAttribute(LaunchAttributes.PROGRAM, ""));
            folder.set(configuration.getAttribute(LaunchAttributes.WORKING_DIRECTORY, ""));
        } catch (CoreException e) {
            setErrorMessage(e.getStatus().getMessage());
        }
    }

    @Override
    public void performApply(ILaunchConfigurationWorkingCopy configuration) {
        configuration.setAttribute(LaunchAttributes.PROGRAM, program.get());
        configuration.setAttribute(
                LaunchAttributes.WORKING_DIRECTORY, folder.get().isEmpty() ? null : folder.get());
    }

    @Override
    public boolean isValid(ILaunchConfiguration configuration) {
        String problem = problem();
        setErrorMessage(problem);
        return problem == null;
    }

    private String problem() {
        try {
            String problem = programProblem(substitute(program.get()));
            return problem != null ? problem : folderProblem(substitute(folder.get()));
        } catch (CoreException e) {
            return e.getStatus().getMessage();
        }
    }

    private String programProblem(String file) {
        if (file.isEmpty()) {
            return programRequired ? Messages.mainProgramMissing : null;
        }
        Path path = Path.of(file);
        if (!path.isAbsolute() || !Files.isRegularFile(path)) {
            return Messages.bind(Messages.mainProgramNotThere, file);
        }
        return Files.isExecutable(path) ? null : Messages.bind(Messages.mainProgramNotExecutable, file);
    }

    private static String folderProblem(String name) {
        Path path = Path.of(name);
        boolean fine = name.isEmpty() || path.isAbsolute() && Files.isDirectory(path);
        return fine ? null : Messages.bind(Messages.mainFolderNotThere, name);
    }

    private static String substitute(String text) throws CoreException {
        return VariablesPlugin.getDefault().getStringVariableManager().performStringSubstitution(text);
    }

    @Override
    public String getName() {
        return Messages.mainName;
    }

    @Override
    public Image getImage() {
        return DebugUITools.getImage(IDebugUIConstants.IMG_ACT_RUN);
    }

    @Override
    public String getId() {
        return "org.snapback.ui.launch.main";
    }
}
